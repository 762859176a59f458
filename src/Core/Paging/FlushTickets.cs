using PageTableEmu.Atomics;

namespace PageTableEmu.Paging;

/// <summary>Counts the flush tickets that each thread still has to end. Only checked models count; in others every member does nothing.</summary>
public static class FlushTickets<TModel>
    where TModel : IModel
{
    [ThreadStatic]
    private static int outstanding;

    /// <summary>Throws if the calling thread has dropped a ticket, or ended one twice. For the places where none may be open.</summary>
    /// <exception cref="InvalidOperationException">Checked models: a ticket was dropped or ended twice.</exception>
    public static void AssertSettled()
    {
        if (!TModel.Checked || outstanding == 0)
            return;
        int found = outstanding;
        outstanding = 0; // reported once: the next test on this thread starts clean
        throw new InvalidOperationException($"{found} flush tickets of this thread are open: each must end in one Flush or Ignore.");
    }

    internal static void Issued()
    {
        if (TModel.Checked)
            outstanding++;
    }

    internal static void Settled()
    {
        if (TModel.Checked)
            outstanding--;
    }
}
