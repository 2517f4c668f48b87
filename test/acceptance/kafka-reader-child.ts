import { tellBatches } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';
import { type KafkaPlace, topicSource } from './kafka-place.ts';

/** Tells the batches of a topic; whoever started it kills it. */
keepCompiled();
const [topic = '', place = ''] = process.argv.slice(2);
await tellBatches(topicSource(JSON.parse(place) as KafkaPlace, topic));
