go.order.push("zebra");
