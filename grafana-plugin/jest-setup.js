import './.config/jest-setup';

// jsdom has no layout, so that nothing ever intersects; menus only want to watch.
global.IntersectionObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
