go.order.push("another");
