using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Entries;

/// <summary>Something to do for an architecture of which only the swap entries are known.</summary>
/// <typeparam name="TResult">What comes out.</typeparam>
internal interface ISwapFormatAction<out TResult>
{
    /// <summary>Does it.</summary>
    TResult InvokeFormat<TFormat>()
        where TFormat : struct, ISwapOnlyFormat;
}
