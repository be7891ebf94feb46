"""The exercises, one module a lesson: ``l05`` holds ``TITLE`` and ``EXERCISES`` of lesson 05."""
