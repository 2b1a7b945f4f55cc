// A stand-in for GitHub's API.

import http from 'node:http';

/** A stand-in for the API: the comments of one pull request, and what was asked of it. */
export async function startGithub(t, comments = [], { refuse = null } = {}) {
  const asked = [];
  const server = http.createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    asked.push(`${request.method} ${request.url}`);
    const reply = (code, value) => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    const { pathname, searchParams } = new URL(request.url, 'http://x');
    if (refuse || request.headers.authorization !== 'Bearer secret') {
      return reply(refuse ?? 401, { message: 'Resource not accessible by integration' });
    }
    if (request.method === 'GET' && pathname === '/repos/o/r/issues/7/comments') {
      const [size, page] = ['per_page', 'page'].map((key) => Number(searchParams.get(key)));
      return reply(200, comments.slice((page - 1) * size, page * size));
    }
    const { body } = JSON.parse(text);
    if (request.method === 'POST' && pathname === '/repos/o/r/issues/7/comments') {
      comments.push({ id: 100 + comments.length, body });
      return reply(201, comments.at(-1));
    }
    const own = comments.find(({ id }) => pathname === `/repos/o/r/issues/comments/${id}`);
    if (request.method !== 'PATCH' || !own) return reply(404, { message: 'Not Found' });
    own.body = body;
    return reply(200, own);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => server.close());
  return { comments, asked, url: `http://127.0.0.1:${server.address().port}` };
}
