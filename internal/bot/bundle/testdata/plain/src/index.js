var go = {order: ["index"]};
