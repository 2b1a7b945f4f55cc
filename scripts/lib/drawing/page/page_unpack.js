// Runs in the page: unpacks the charts' program and their data, and starts them. It asks nobody for
// anything: all of it stands in the page.
(async () => {
  const boxes = () => document.querySelectorAll('.chart');
  const say = (text) => boxes().forEach((box) => { box.textContent = text; });
  if (!window.DecompressionStream) {
    say('This browser cannot unpack the charts: it takes one of 2023 or later.');
    return;
  }
  const packed = atob(document.getElementById('packed').textContent.replace(/\s/g, ''));
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const { scripts, ...data } = JSON.parse(await new Response(stream).text());
  window.dummyloadData = data;
  for (const text of scripts) {
    const script = document.createElement('script');
    script.textContent = text;
    document.head.append(script);
  }
})();
