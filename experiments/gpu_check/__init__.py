"""Every hot path of the lessons on a GPU: the numbers of the processor, and how fast."""
