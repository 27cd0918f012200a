// Draws each figure when it comes into view, and again in the other colours when the theme changes.
(() => {
  const figures = [...document.querySelectorAll('.plotly-live')];
  if (!figures.length) return;
  const plotly = new Promise((ready) => { // 5 MB, for pages with a figure only
    const script = document.createElement('script');
    script.src = document.currentScript.src.replace('live.js', 'plotly.min.js');
    script.onload = ready;
    document.head.append(script);
  });
  const system = matchMedia('(prefers-color-scheme: dark)');
  const dark = () => {
    const theme = document.body.dataset.theme;
    return theme === 'dark' || (theme !== 'light' && system.matches);
  };
  const clone = (value) => JSON.parse(JSON.stringify(value));

  // The ink of a figure made for white paper: near-black becomes near-white, the rest keeps its hue.
  const parsed = (color) => {
    if (typeof color !== 'string') return null;
    let m = color.match(/^#([0-9a-f]{3}|[0-9a-f]{6})$/i);
    if (m) {
      const hex = m[1].length === 3 ? [...m[1]].map((c) => c + c).join('') : m[1];
      return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)).concat(1);
    }
    m = color.match(/^rgba?\(\s*([\d.]+),\s*([\d.]+),\s*([\d.]+)(?:,\s*([\d.]+))?\s*\)$/i);
    if (m) return [+m[1], +m[2], +m[3], m[4] === undefined ? 1 : +m[4]];
    return { black: [0, 0, 0, 1], grey: [128, 128, 128, 1], gray: [128, 128, 128, 1] }[color.toLowerCase()] || null;
  };
  const lighter = (color) => {
    const c = parsed(color);
    if (!c) return color;
    const [r, g, b, a] = c;
    const light = (0.299 * r + 0.587 * g + 0.114 * b) / 255;
    if (light > 0.5) return color;
    const up = Math.max(r, g, b) - Math.min(r, g, b) < 40 // grey: turn it over; a hue: lift it
      ? [r, g, b].map((v) => 255 - v * 0.9)
      : [r, g, b].map((v) => v + (255 - v) * (0.5 - light) * 1.1);
    return `rgba(${up.map(Math.round).join(',')},${a})`;
  };
  const recolour = (node) => {
    if (Array.isArray(node)) { node.forEach(recolour); return; }
    if (!node || typeof node !== 'object') return;
    for (const [key, value] of Object.entries(node)) {
      if (typeof value === 'string' && (key === 'color' || key === 'linecolor' || key === 'bordercolor' || key === 'fillcolor'))
        node[key] = lighter(value);
      else if (Array.isArray(value) && key === 'color') node[key] = value.map(lighter);
      else if (typeof value === 'object' && !['z', 'x', 'y', 'customdata', 'text', 'colorscale'].includes(key)) recolour(value);
    }
  };
  // A title made for a wide page is broken into more lines, and the picture grows by them.
  const wrap = (text, most) => text.split('<br>').flatMap((line) => {
    const lines = [''];
    for (const word of line.split(' ')) {
      const last = lines[lines.length - 1];
      const bare = `${last} ${word}`.replace(/<[^>]*>/g, '');
      if (last && bare.length > most) lines.push(word); else lines[lines.length - 1] = last ? `${last} ${word}` : word;
    }
    return lines;
  });
  const fit = (layout, width) => {
    const sub = layout.title && layout.title.subtitle, height = layout.height || 450;
    layout.height = height;
    if (!sub || !sub.text) return;
    const before = sub.text.split('<br>').length, lines = wrap(sub.text, Math.max(24, (width - 30) / 6.4));
    const more = (lines.length - before) * 17;
    sub.text = lines.join('<br>');
    layout.margin = { ...(layout.margin || {}), t: ((layout.margin || {}).t || 100) + more };
    layout.height = height + more;
    if (layout.title.y !== undefined && layout.title.yanchor === 'top') layout.title.y = 1 - (1 - layout.title.y) * height / layout.height;
  };
  const skin = (figure, width) => {
    const d = dark(), ink = d ? '#d8dde3' : '#24323f', grid = d ? '#39424c' : '#dfe5ec';
    const { data, layout } = clone(figure);
    if (d) { recolour(data); recolour(layout.annotations); recolour(layout.shapes); }
    layout.paper_bgcolor = 'rgba(0,0,0,0)';
    layout.plot_bgcolor = d ? '#1b2026' : '#f7f9fb';
    for (const note of layout.annotations || []) if (note.bgcolor) note.bgcolor = layout.plot_bgcolor;
    layout.modebar = { bgcolor: 'rgba(0,0,0,0)', color: d ? '#8a949e' : '#7a8691', activecolor: ink };
    layout.font = { ...(layout.font || {}), color: ink };
    if (layout.title && layout.title.font) layout.title.font.color = ink;
    if (layout.legend) { layout.legend.bgcolor = 'rgba(0,0,0,0)'; if (layout.legend.font) layout.legend.font.color = ink; }
    for (const [key, axis] of Object.entries(layout)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      axis.gridcolor = grid; axis.zerolinecolor = d ? '#8a949e' : '#7a8691';
      if (axis.linecolor) axis.linecolor = ink;
      for (const part of [axis.tickfont, axis.title && axis.title.font]) if (part) part.color = ink;
    }
    for (const trace of data) // the labels of cells take their colour from the cell below
      if (trace.type === 'heatmap' && trace.textfont) delete trace.textfont.color;
    layout.hoverlabel = { bgcolor: d ? '#2b333c' : '#fff', font: { color: ink } };
    delete layout.width;
    layout.autosize = true;
    fit(layout, width);
    return { data, layout };
  };
  const draw = async (figure) => {
    await plotly;
    figure._data = figure._data || JSON.parse(figure.querySelector('script').textContent);
    if (!figure._plot) { figure._plot = document.createElement('div'); figure.append(figure._plot); }
    const { data, layout } = skin(figure._data, innerWidth < 760 ? 760 : figure.clientWidth);
    if (figure.clientWidth < 760 && innerWidth < 760) { layout.width = 760; layout.autosize = false; } // a phone scrolls the figure sideways
    await Plotly.react(figure._plot, data, layout, { responsive: true, displaylogo: false });
    figure.classList.add('drawn');
    figure.style.minHeight = '';
  };
  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }), { rootMargin: '400px' });
  figures.forEach((figure) => seen.observe(figure));
  addEventListener('beforeprint', () => figures.forEach(draw));
  const again = () => figures.filter((figure) => figure._plot).forEach(draw);
  system.addEventListener('change', again);
  new MutationObserver(again).observe(document.body, { attributes: true, attributeFilter: ['data-theme'] });
})();
