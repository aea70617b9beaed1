window.pairsDesk = new Desk();
