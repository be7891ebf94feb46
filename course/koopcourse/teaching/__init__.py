"""What a teacher holds in hand: TEACHING.md with what is generated in it, prompts for named mistakes, slides."""
