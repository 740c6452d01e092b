//! Makes sample GeoIP databases and CloudTrail files, for the demo, the tests and the benchmarks.
