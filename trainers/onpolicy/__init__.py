"""Train on-policy: rollouts, advantages, PPO and REINFORCE."""
