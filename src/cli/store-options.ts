/** How a store of S3 is reached, for commands that take an s3:// address. */
export const endpointOption = [
  '--endpoint-url <url>',
  "server that speaks S3, for s3:// (AWS_ENDPOINT_URL, else Amazon's); credentials as the tools of AWS find them",
] as const;
export const regionOption = ['--region <name>', 'region of the bucket, for s3://'] as const;
