"""The course as data: where things lie, what sets the stages apart, and the lessons and checks of the TOML files."""
