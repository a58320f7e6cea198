// agent.js: the script tag of a site. It adds one hidden iframe once the page has loaded, and nothing else: guest code and
// key stay on the agent's origin, under its own content security policy (browser.md section 5.1). It never throws into
// the page and never delays its load event.
//
//   <script async src="https://agents.example/agent.js" data-key="pk_..." data-name="optional"></script>
import type { AgentStatus } from '../coordinator/status.ts';
import type { PageCommand, PageEvent } from '../frame/messages.ts';

/** What the page may do with the agent: `window.wigeon`. */
interface PageApi {
  /** Ends everything that runs and leaves the node. */
  pause(): void;
  resume(): void;
  /** What the agent is doing; undefined until its frame has answered. */
  status(): AgentStatus | undefined;
}

declare global {
  interface Window {
    wigeon?: PageApi;
  }
}

function load(script: HTMLScriptElement): void {
  const { key, name } = script.dataset;
  if (!key) {
    console.warn('wigeon: the script tag has no data-key');
    return;
  }
  const address = new URL('agent/frame.html', script.src);
  const parameters = new URLSearchParams({ key, page: location.origin });
  if (name) parameters.set('name', name);
  address.hash = parameters.toString();

  const frame = document.createElement('iframe');
  frame.allow = 'cross-origin-isolated; compute-pressure';
  frame.title = 'wigeon agent';
  frame.ariaHidden = 'true';
  frame.tabIndex = -1;
  frame.style.display = 'none';
  frame.src = address.href;

  let status: AgentStatus | undefined;
  window.addEventListener('message', ({ source, origin, data }: MessageEvent<PageEvent | null>) => {
    if (source === frame.contentWindow && origin === address.origin && data?.wigeon === 'status') status = data.status;
  });
  const tell = (command: PageCommand): void => frame.contentWindow?.postMessage(command, address.origin);
  window.wigeon = {
    pause: () => tell({ wigeon: 'pause' }),
    resume: () => tell({ wigeon: 'resume' }),
    status: () => status,
  };

  const insert = (): void => void document.documentElement.append(frame);
  // The load event of a page waits for its iframes; so this one comes after it.
  if (document.readyState === 'complete') insert();
  else window.addEventListener('load', () => setTimeout(insert), { once: true });
}

try {
  const script = document.currentScript;
  // A second tag on the same page must not lend the machine twice.
  if (script instanceof HTMLScriptElement && !window.wigeon) load(script);
} catch (error) {
  console.warn('wigeon: the agent could not be started', error);
}
