"""What authors and CI run: build the notebooks, cut the exercises, lint the lessons, measure the minutes."""
