// The limit for the agent: asks for the document at argv[2] every argv[3] ms (1000), and says when it sees an event it has not
// seen. Plain JavaScript, because what strips types takes memory that a program as it is published does not.
import { get } from 'node:http';

const [url = '', period = '1000'] = process.argv.slice(2);
const seen = new Set();

function poll() {
  get(url, { headers: { Metadata: 'true' } }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk) => {
      text += chunk;
    });
    response.on('end', () => {
      for (const { EventId: eventId } of JSON.parse(text).Events) {
        if (seen.has(eventId)) continue;
        seen.add(eventId);
        process.stdout.write(`${JSON.stringify({ msg: 'event.seen', event_id: eventId, atMs: Date.now() })}\n`);
      }
    });
  });
}

poll();
setInterval(poll, Number(period));
process.stdout.write(`${JSON.stringify({ msg: 'ready' })}\n`);
