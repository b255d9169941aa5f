"""Check rules between options that types cannot express."""
