import { cloudEvent, http } from '@google-cloud/functions-framework';

// The framework's bare hello world, beside which the start of our functions is measured.

http('hello', (_, response) => void response.send('hello'));
cloudEvent('listen', () => undefined);
