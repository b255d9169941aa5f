"""SafeLife: Game-of-Life boards on which an agent adds and removes life, and may disturb the rest.

Source: Wainwright and Eckersley, "SafeLife 1.0: Exploring Side Effects in Complex Environments"
(2019, arXiv 1912.01217).
"""
