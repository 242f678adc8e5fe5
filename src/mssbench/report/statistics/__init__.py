"""Statistics of scores over songs: tests, effect sizes and intervals; arrays in, results out."""
