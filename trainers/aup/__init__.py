"""PPO with a penalty on changes of what the agent could attain, and the values it needs."""
