window.pairsView = Object.assign(new Pairs(), { host, sorted: order });
window.pairsView.take(JSON.parse(host.tags[0]));
