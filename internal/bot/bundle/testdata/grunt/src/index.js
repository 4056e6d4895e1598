var go = {name: null};
