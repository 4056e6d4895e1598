go.second = true;
