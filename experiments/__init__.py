"""What makes ``results/``: one folder a paper or question, the machinery that runs them, and measured speed."""
