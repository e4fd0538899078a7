import { cloudEvent, type CloudEventFunction, http } from '@google-cloud/functions-framework';
import pubsub from '@google-cloud/pubsub';

// Two functions as real ones are: the framework, Google's client, Application Default Credentials. `heal` passes what it gets
// on to `dr-notices`, except for the words that put it into trouble.

interface Pushed {
  readonly message: { readonly data: string };
}

const publisher = new pubsub.v1.PublisherClient({
  fallback: true,
  apiEndpoint: '127.0.0.1',
  port: Number(process.env['API_PORT']),
  protocol: 'http',
});

// Outside of any function's call: within one, the framework catches it and answers 500.
process.on('SIGUSR2', () => void Promise.reject(new Error('nobody catches this')));

const say = (line: object): void => console.log(JSON.stringify({ ...line, pid: process.pid }));

const heal: CloudEventFunction<Pushed> = async (event) => {
  const { source } = event;
  const text = Buffer.from(event.data?.message.data ?? '', 'base64').toString();
  say({ message: 'working', text, source });
  if (text === 'for ever') await new Promise(() => undefined);
  if (text === 'a bug') void Promise.reject(new Error('nobody awaits this'));
  const topic = `projects/coditect-prod/topics/${text === 'an alert' ? 'dr-alerts' : 'dr-notices'}`;
  await publisher.publish({ topic, messages: [{ data: Buffer.from(text) }] });
};

const notify: CloudEventFunction<Pushed> = (event) => {
  say({ message: 'notified', text: Buffer.from(event.data?.message.data ?? '', 'base64').toString() });
};

cloudEvent('heal', heal);
cloudEvent('notify', notify);
http('status', (_, response) => {
  response.send('all is well');
});
