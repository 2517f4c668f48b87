/** How an intake names its topics. */
interface NamedTopics {
  readonly topic?: string | undefined;
  readonly topics?: readonly string[] | undefined;
  readonly topicPattern?: string | undefined;
}

/** The topics of an intake by name, or the pattern that they match as a whole. */
export function topicsOf({ topic, topics, topicPattern }: NamedTopics): readonly string[] | RegExp {
  return topicPattern === undefined ? (topics ?? [topic ?? '']) : new RegExp(`^(?:${topicPattern})$`);
}

/** Whether a text is a regular expression. */
export function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/** Where messages go that cannot be scored. */
export function deadLetterTopicOf(output: { readonly topic: string; readonly deadLetterTopic: string | null }): string {
  return output.deadLetterTopic ?? `${output.topic}.dead`;
}
