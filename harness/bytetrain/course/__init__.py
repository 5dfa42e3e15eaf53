"""The course as data: where things lie, and the stages, lessons and checks of the TOML files."""
