/** What is wrong with `deadLetters.path` of a job with such an output; null when nothing is. */
export function deadLetterPathProblem(
  path: string | null,
  output: 'localFile' | 's3' | 'http' | 'jdbc' | 'kafka',
  isLive: boolean,
): string | null {
  if (path === null) return null;
  if (output === 'kafka')
    return 'cannot be given for a topic, whose dead letters go to a topic, <topic>.dead; leave it out, or name another one in outputSettings.deadLetterTopic';
  if (output === 'jdbc')
    return 'cannot be given for a table, whose dead letters go to the table sluice_dead_letters beside it, in the transaction of the rows; leave it out';
  if (isLive)
    return 'cannot be given for the parts of a live topic, each of which has its own beside it; leave it out, or give intakeSettings.until';
  const isObject = path.startsWith('s3://');
  if (output === 's3' && !isObject)
    return 'is no address of an object; the dead letters of an output in S3 go to s3://bucket/key';
  if (output !== 's3' && isObject) return 'must be a file, as the output is not in S3';
  return null;
}
