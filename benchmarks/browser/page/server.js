/** What the page sends to the server. A lost connection is waited for: the server takes each result once. */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const GIVE_UP_MS = 10 * 60_000;

export const base = new URL("../", import.meta.url).href;

/**
 * @param {string} what
 * @param {object} content
 * @param {(text: string) => void} told of a connection that is lost, and "" when it is back
 * @returns {Promise<any>}
 */
export async function post(what, content, told = () => {}) {
  const body = JSON.stringify(content);
  const end = Date.now() + GIVE_UP_MS;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    let response;
    try {
      response = await fetch(base + what, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
      });
    } catch {
      if (Date.now() > end) throw new Error("the server cannot be reached any more");
      told("The connection is lost. What was measured is kept here, and sent when it is back.");
      await new Promise((resolve) => setTimeout(resolve, wait));
      continue;
    }
    told("");
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error ?? `the server answered ${response.status}`);
    return answer;
  }
}

/**
 * @param {string} what
 * @returns {Promise<Response>}
 */
export async function get(what) {
  const response = await fetch(base + what);
  if (!response.ok) throw new Error(`${what} answered ${response.status}: open the address anew`);
  return response;
}
