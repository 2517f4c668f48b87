import { deadLetterTopicOf, isPattern, topicsOf } from './topic-names.ts';

type Intake = Parameters<typeof topicsOf>[0];
type Output = Parameters<typeof deadLetterTopicOf>[0];

/** What keeps a live job from ever being done with what it writes itself, and the field of the output; null when nothing does. */
export function topicLoop(
  intake: Intake,
  output: Output,
): { readonly field: 'topic' | 'deadLetterTopic'; readonly message: string } | null {
  // That is said by the field itself.
  if (intake.topicPattern !== undefined && !isPattern(intake.topicPattern)) return null;
  const topics = topicsOf(intake);
  const isRead = (topic: string): boolean => (topics instanceof RegExp ? topics.test(topic) : topics.includes(topic));
  const why =
    topics instanceof RegExp ? `matches intakeSettings.topicPattern ${intake.topicPattern}` : 'is read as well';
  if (isRead(output.topic))
    return { field: 'topic', message: `${why}: the job would score its own rows without end; write to another topic` };
  const letters = deadLetterTopicOf(output);
  if (isRead(letters))
    return {
      field: 'deadLetterTopic',
      message: `${letters} ${why}: a message that cannot be scored would come back without end; name another topic`,
    };
  return null;
}
