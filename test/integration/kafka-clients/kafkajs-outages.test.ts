import { createKafkajsClient } from '../../../src/links/kafka/clients/kafkajs/client.ts';
import { describeAccess } from './client-access.ts';
import { describeOutages } from './client-outages.ts';

describeOutages('kafkajs', createKafkajsClient);
describeAccess('kafkajs', createKafkajsClient);
