go.name = "nurse";
