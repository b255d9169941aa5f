"""Run the missing trainings and measurements of a page of results."""
