"""Take regions out of a network for good."""
