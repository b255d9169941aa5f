"""What to run: experiments as YAML and the typed schema that checks them. Imports only OmegaConf."""
