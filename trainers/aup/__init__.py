"""PPO with a penalty on changing what the agent could attain, and what it learns for that."""
