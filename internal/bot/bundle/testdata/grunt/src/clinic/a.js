go.name = go.prefix + "clinic";
