using System.Runtime.InteropServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>A list of free frames, linked through their records: the top was freed last. Protected by the lock of its cache.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FrameList
{
    internal uint Top;
    internal uint Bottom;
    internal uint Count;

    internal void Push<TModel>(FrameTable<TModel> table, uint frame)
        where TModel : IModel
    {
        ref FrameRecord record = ref table[frame];
        record.LruNext = Top;
        record.LruPrevious = 0;
        if (Count != 0)
            table[Top].LruPrevious = frame;
        else
            Bottom = frame;
        Top = frame;
        Count++;
    }

    /// <summary>The frame freed last; the list is not empty.</summary>
    internal uint Pop<TModel>(FrameTable<TModel> table)
        where TModel : IModel
    {
        uint frame = Top;
        uint next = table[frame].LruNext;
        if (Count > 1)
            table[next].LruPrevious = 0;
        else
            next = Bottom = 0;
        Top = next;
        Count--;
        return frame;
    }

    /// <summary>The frame freed longest ago; the list is not empty.</summary>
    internal uint TakeBottom<TModel>(FrameTable<TModel> table)
        where TModel : IModel
    {
        uint frame = Bottom;
        uint previous = table[frame].LruPrevious;
        if (Count > 1)
            table[previous].LruNext = 0;
        else
            previous = Top = 0;
        Bottom = previous;
        Count--;
        return frame;
    }

    /// <summary>Puts a whole list on top of this one, in its order, and empties it.</summary>
    internal void Splice<TModel>(FrameTable<TModel> table, ref FrameList younger)
        where TModel : IModel
    {
        if (younger.Count == 0)
            return;
        if (Count != 0)
        {
            table[younger.Bottom].LruNext = Top;
            table[Top].LruPrevious = younger.Bottom;
        }
        else
        {
            Bottom = younger.Bottom;
        }

        Top = younger.Top;
        Count += younger.Count;
        younger = default;
    }
}
