"""Studies of SafeLife and of agents in it."""
