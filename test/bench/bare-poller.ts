// The limit for the agent: asks the metadata service in argv[2] once a second, and says when it sees an event it has not seen.
import { get } from 'node:http';

const seen = new Set<string>();

function poll(): void {
  get(process.argv[2] ?? '', { headers: { Metadata: 'true' } }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => {
      const { Events: events } = JSON.parse(text) as { Events: { EventId: string }[] };
      for (const { EventId: eventId } of events) {
        if (seen.has(eventId)) continue;
        seen.add(eventId);
        process.stdout.write(`${JSON.stringify({ msg: 'event.seen', event_id: eventId, atMs: Date.now() })}\n`);
      }
    });
  });
}

poll();
setInterval(poll, 1000);
process.stdout.write(`${JSON.stringify({ msg: 'ready' })}\n`);
