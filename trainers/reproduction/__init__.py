"""Running what a page of results is made of, as far as it is not done."""
