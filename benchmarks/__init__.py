"""Speed, side by side with peers, and how much code there is. Not part of the wheel."""
