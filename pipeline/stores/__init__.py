"""Objects in stores: `s3://`, `gs://`, `abfs://`, `hdfs://`, and `https://` to read, through fsspec."""
