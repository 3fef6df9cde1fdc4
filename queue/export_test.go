package queue

// SmallFiles makes cfg begin a new file after size bytes, and everything else small.
func SmallFiles(cfg Config, size int64) Config {
	cfg.sizes = sizes{size, 4 << 10, 1 << 10, 8 << 10}
	return cfg
}
