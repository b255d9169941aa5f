"""What must hold of a config that types cannot say."""
