package queue

// SmallFiles makes cfg begin a new file after size bytes.
func SmallFiles(cfg Config, size int64) Config {
	cfg.segmentSize = size
	return cfg
}
