"""On-policy learning: rollouts, advantages, PPO and REINFORCE."""
