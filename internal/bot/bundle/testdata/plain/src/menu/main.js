go.order.push("menu/main");
