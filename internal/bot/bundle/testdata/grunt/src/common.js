go.prefix = "shared ";
